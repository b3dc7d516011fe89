// Tokens for tests, signed with the secret that their gateways were given.
import { createHmac } from "node:crypto";

const base64 = (text) => Buffer.from(text).toString("base64url");

// A JSON Web Token of this user.
export const sign = (userId, lifetimeS, secret = process.env.JWT_SECRET) => {
  const now = Math.floor(Date.now() / 1000);
  const head = base64(JSON.stringify({ alg: "HS256", typ: "JWT" }));
  const claims = base64(JSON.stringify({ sub: String(userId), iat: now, exp: now + lifetimeS }));
  return `${head}.${claims}.${createHmac("sha256", secret).update(`${head}.${claims}`).digest("base64url")}`;
};
