// A load balancer that knows nothing of sessions: each request goes to the next gateway. It takes turns for every
// kind of request (`xhr`, `xhr_send`, …) by itself, so that every gateway gets some of every kind.
import http from "node:http";

// Starts one in front of the gateways, which are URLs; `requests` counts what each of them got, by kind.
export const balance = async (gateways) => {
  const requests = gateways.map(() => ({}));
  const turns = {};
  const server = http.createServer((request, response) => {
    const kind = new URL(request.url, gateways[0]).pathname.split("/").at(-1);
    const turn = (turns[kind] ?? -1) + 1;
    turns[kind] = turn;
    const index = turn % gateways.length;
    requests[index][kind] = (requests[index][kind] ?? 0) + 1;

    const { method, headers } = request;
    const onward = http.request(new URL(request.url, gateways[index]), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    request.pipe(onward);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}/ws`, requests };
};
