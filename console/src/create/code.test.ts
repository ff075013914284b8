import { expect, it } from "vitest";
import { type Call, codeOf } from "./code";

const call: Call = {
  base: "http://localhost:3001",
  collection: "art",
  userId: "0192f3a4-0000-7000-8000-000000000001",
  needsKey: false,
  variables: { prompt: 'it\'s "quoted"\n', tiled: true, points: [1, null], none: {} },
};

it("writes what a shell takes unchanged", () => {
  const code = codeOf("curl", call);
  expect(code).toContain("curl -sS 'http://localhost:3001/api/collections/art/generate?wait=60'");
  expect(code).toContain(`"prompt": "it'\\''s \\"quoted\\"\\n"`);
  expect(code).not.toContain("EMPROPS_TOKEN");
});

it("writes Python's own words", () => {
  const code = codeOf("python", call);
  expect(code).toContain('"tiled": True,');
  expect(code).toContain('        "points": [\n            1,\n            None,\n        ],');
  expect(code).toContain('"none": {},');
});

it("takes the key from the environment", () => {
  const remote = { ...call, needsKey: true };
  expect(codeOf("curl", remote)).toContain('"Authorization: Bearer $EMPROPS_TOKEN"');
  expect(codeOf("python", remote)).toContain("os.environ['EMPROPS_TOKEN']");
  expect(codeOf("typescript", remote)).toContain("process.env.EMPROPS_TOKEN");
});

it("ends TypeScript's lines as they should", () => {
  expect(codeOf("typescript", call)).toContain("    }\n  }),\n});");
});
