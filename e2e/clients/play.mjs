// Plays a scenario, which is JSON, with a library, which is the name of a module beside this one.
//
//   node play.mjs LIBRARY SCENARIO
import { play } from "./scenario.mjs";

const [library, scenario] = process.argv.slice(2);
const { connect } = await import(`./${library}.mjs`);
await play(connect, JSON.parse(scenario));
