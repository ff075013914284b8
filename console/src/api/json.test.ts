import { describe, expect, it } from "vitest";
import { parse, stringify } from "./json";

const LARGEST = "18446744073709551615";
const supported = "rawJSON" in JSON;

describe.skipIf(!supported)("exact integers", () => {
  it("keeps 2^64 − 1 through a round trip", () => {
    const text = `{"seed":${LARGEST},"list":[1,-${LARGEST}]}`;
    expect(stringify(parse(text))).toBe(text);
  });

  it("leaves small integers, fractions and digits in texts alone", () => {
    expect(parse(`{"a":1,"b":0.1250000000000000000,"c":"${LARGEST}","d":1e20}`)).toEqual({
      a: 1,
      b: 0.125,
      c: LARGEST,
      d: 1e20,
    });
  });
});
