// cdktf takes the whole stack at every token that it makes, for messages of its own. Under jest each frame is looked up in
// source maps: two thirds of every synth. Nobody else asks for a stack without a limit, and what is not taken is [].
const { captureStackTrace } = Error;

Error.captureStackTrace = (object, below) => {
  if (Error.stackTraceLimit !== Number.MAX_SAFE_INTEGER) captureStackTrace(object, below);
};
