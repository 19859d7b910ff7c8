// What codes mean, and what to do: the contract's own tables.
import { getJson } from "./api.js";

/** @type {Map<string, { kind: string, meaning: string, remedy: string }>} */
const reasons = new Map();
/** @type {Map<string, { remedy: string }>} */
const rejections = new Map();

export async function loadCodes() {
  const [why, refused] = await Promise.all([getJson("/reasons.json"), getJson("/rejections.json")]);
  for (const one of why.reasons) reasons.set(one.code, one);
  for (const one of refused.rejections) rejections.set(one.code, one);
}

/** @param {string} code */
export const meaning = (code) => reasons.get(code)?.meaning;

/** A state needs none.  @param {string} code */
export const remedy = (code) => (reasons.get(code)?.kind === "state" ? undefined : reasons.get(code)?.remedy);

/** @param {string} code */
export const refusalRemedy = (code) => rejections.get(code)?.remedy ?? "";
