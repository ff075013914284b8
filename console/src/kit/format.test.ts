import { describe, expect, it } from "vitest";
import { ago, bytes, clock, duration, numbered } from "./format";

describe("times", () => {
  const now = Date.parse("2026-05-10T12:00:00Z");

  it("says how long ago something was", () => {
    expect(ago("2026-05-10T11:59:58Z", now)).toBe("just now");
    expect(ago("2026-05-10T11:57:00Z", now)).toMatch(/3 min/);
    expect(ago("2026-05-08T12:00:00Z", now)).toMatch(/2 days/);
    expect(ago("2026-01-02T12:00:00Z", now)).toMatch(/2026/);
  });

  it.each([
    [0.84, "0.8 s"],
    [12.4, "12 s"],
    [185, "3 min 5 s"],
    [7810, "2 h 10 min"],
  ])("writes %d seconds as %s", (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });
});

it("writes sizes in the largest unit that fits", () => {
  expect(bytes(999)).toBe("999 B");
  expect(bytes(3_240_000)).toBe("3.2 MB");
});

it.each([
  [4.2, "0:04"],
  [750, "12:30"],
  [3723, "1:02:03"],
])("writes a film of %d seconds as %s", (seconds, text) => {
  expect(clock(seconds)).toBe(text);
});

it("counts things in words", () => {
  expect(numbered(1, "output")).toBe("1 output");
  expect(numbered(0, "output")).toBe("0 outputs");
});
