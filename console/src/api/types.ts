// Short names for shapes of the api's OpenAPI document.
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Asset = Schemas["Asset"];
export type Collection = Schemas["PublicCollection"];
export type Deck = Schemas["DeckSummary"];
export type DeckOutput = Schemas["DeckOutput"];
export type DeckView = Schemas["Deck"];
export type ForensicJob = Schemas["ForensicJob"];
export type ForensicStep = Schemas["ForensicStep"];
export type GenerationPrice = Schemas["GenerationPrice"];
export type GlobalCollection = Schemas["GlobalCollection"];
export type HistoryRow = Schemas["HistoryRow"];
export type Job = Schemas["Job"];
export type LibraryItem = Schemas["LibraryItem"];
export type Lineage = Schemas["Lineage"];
export type ListedJob = Schemas["ListedJob"];
export type Me = Schemas["Caller"];
export type Output = Schemas["WatchableOutput"];
export type OutputItem = Schemas["OutputItem"];
export type Relative = Schemas["Relative"];
export type Session = Schemas["Session"];
