// Reads a machine-readable document of the contract with the parser that its readers use.
//
//   node read.mjs asyncapi|openapi FILE
//
// Prints one JSON object: the `faults` that the parser found, hints included, and the `document` as JSON.
import { readFileSync } from "node:fs";

const readers = {
  asyncapi: async (text) => {
    const { Parser } = await import("@asyncapi/parser");
    const { document, diagnostics } = await new Parser().parse(text);
    return { faults: diagnostics.map(({ code, message, path }) => ({ code, message, path })), document: document?.json() };
  },
  openapi: async (text) => {
    const { Validator } = await import("@seriousme/openapi-schema-validator");
    const { valid, errors } = await new Validator().validate(JSON.parse(text));
    return { faults: valid ? [] : [errors].flat(), document: JSON.parse(text) };
  },
};

const [kind, file] = process.argv.slice(2);
console.log(JSON.stringify(await readers[kind](readFileSync(file, "utf8"))));
