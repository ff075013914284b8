// What the browser's tab says: the page, and before it what is under way.

const NAME = "EmProps";
let page = "";
let before = "";

function show(): void {
  document.title = `${before}${page ? `${page} · ` : ""}${NAME}`;
}

/** Name the page. */
export function setPageTitle(title: string): void {
  page = title;
  show();
}

/** Say something before the page's name, such as a number; an empty text takes it away. */
export function setTitlePrefix(text: string): void {
  before = text && `${text} `;
  show();
}
