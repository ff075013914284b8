import { describe, expect, it } from "vitest";
import { fieldsOf, groupsOf, limitsOf, type NumberField, sliderOf } from "./fields";

const INPUT = "x-emprops-input";
const ORDER = "x-emprops-order";
const form = {
  properties: {
    style: {
      title: "Style",
      oneOf: [
        { const: "auto", title: "auto" },
        { const: 2, title: "Two" },
      ],
      default: "auto",
      [INPUT]: "choice",
      [ORDER]: 2,
    },
    prompt: {
      title: "Prompt",
      type: "string",
      maxLength: 4000,
      default: "a quiet harbour",
      [INPUT]: "multiline",
      [ORDER]: 0,
    },
    name: { title: "Name", type: "string", maxLength: 40, examples: ["Anna"], [INPUT]: "text", [ORDER]: 1 },
    seed: {
      title: "Seed",
      type: "integer",
      minimum: 0,
      maximum: 18446744073709551615n,
      "x-emprops-drawn": true,
      "x-emprops-group": "Fine tuning",
      [INPUT]: "seed",
      [ORDER]: 3,
    },
    any: { title: "Any", type: ["string", "number", "boolean"], [INPUT]: "any", [ORDER]: 4 },
    tiled: { title: "Tiled", type: "boolean", default: false, [INPUT]: "switch", [ORDER]: 5 },
    mask: { title: "Mask", type: "string", [INPUT]: "mask", [ORDER]: 6 },
    sound: { title: "Sound", type: "string", [INPUT]: "audio", [ORDER]: 7 },
    file: { title: "File", type: "string", [INPUT]: "file", [ORDER]: 8 },
    size: {
      title: "Size",
      type: "number",
      minimum: 0.5,
      "x-emprops-step": 0.5,
      [INPUT]: "number",
      [ORDER]: 9,
    },
  },
  required: ["name"],
};

describe("fields", () => {
  const found = fieldsOf(form);
  const fields = new Map(found.map((field) => [field.name, field]));

  it("are in the order of the form, and under its headings", () => {
    expect([...fields.keys()].slice(0, 4)).toEqual(["prompt", "name", "style", "seed"]);
    expect(groupsOf(found).map((group) => [group.heading, group.fields.length])).toEqual([
      ["", 9],
      ["Fine tuning", 1],
    ]);
  });

  it("tell one line from several", () => {
    expect(fields.get("prompt")).toMatchObject({ kind: "text", long: true, usual: "a quiet harbour" });
    expect(fields.get("name")).toMatchObject({ kind: "text", long: false, required: true, example: "Anna" });
  });

  it("name choices, whatever their type", () => {
    expect(fields.get("style")).toMatchObject({
      kind: "choice",
      usual: '"auto"',
      options: [
        { json: '"auto"', name: "auto" },
        { json: "2", name: "Two" },
      ],
    });
  });

  it("keep limits exact", () => {
    expect(fields.get("seed")).toMatchObject({
      kind: "seed",
      drawn: true,
      least: 0,
      most: 18446744073709551615n,
    });
    expect(limitsOf(fields.get("seed") as never)).toBe("0 to 18446744073709551615");
    expect(limitsOf(fields.get("size") as never)).toBe("0.5 or more");
  });

  it("know which files are taken", () => {
    expect(fields.get("mask")).toMatchObject({ kind: "file", media: "image", mask: true });
    expect(fields.get("sound")).toMatchObject({ kind: "file", media: "audio" });
    expect(fields.get("file")).toMatchObject({ kind: "file", media: null });
  });

  it("know switches and what may be anything", () => {
    expect(fields.get("tiled")).toMatchObject({ kind: "switch", usual: "false" });
    expect(fields.get("any")).toMatchObject({ kind: "anything", usual: "" });
  });
});

describe("sliders", () => {
  const number = (least: number | null, most: number | null, whole: boolean, step: number | null = null) =>
    sliderOf({ least, most, whole, step: step ?? (whole ? 1 : null) } as NumberField);

  it("are for small ranges", () => {
    expect(number(1, 12, true)).toEqual({ least: 1, most: 12, step: 1 });
    expect(number(0, 1, false)).toEqual({ least: 0, most: 1, step: 0.1 });
    expect(number(1, 10, false, 0.5)).toEqual({ least: 1, most: 10, step: 0.5 });
  });

  it("are not for large ranges, or for those without ends", () => {
    expect(number(0, 4_294_967_295, true)).toBeNull();
    expect(number(0, null, true)).toBeNull();
    expect(number(5, 5, true)).toBeNull();
  });
});
