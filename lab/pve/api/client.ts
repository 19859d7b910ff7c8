// A plain HTTPS client for tests of the stand-in: no provider in between.
import { request } from "node:https";

/** An answer as it came. */
export interface Answered {
  readonly status: number;
  readonly reason: string;
  readonly type: string;
  readonly answer: string;
}

/** What is sent. */
export interface Sent {
  readonly method: string;
  /** From `/api2/json` on. */
  readonly path: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const FORM = { "content-type": "application/x-www-form-urlencoded" };

/** Sends one request. */
export function send(endpoint: string, sent: Sent): Promise<Answered> {
  const { method, path, body = "", headers = {} } = sent;
  return new Promise((resolve, reject) => {
    const options = { method, headers: { ...(body === "" ? {} : FORM), ...headers }, rejectUnauthorized: false };
    const call = request(`${endpoint}${path}`, options, (response) => {
      let answer = "";
      response.setEncoding("utf8").on("data", (text: string) => (answer += text));
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          reason: response.statusMessage ?? "",
          type: response.headers["content-type"] ?? "",
          answer,
        }),
      );
    });
    call.on("error", reject).end(body);
  });
}
