import { ButtonLink } from "../kit/Button";
import { useTitle } from "../kit/Page";
import { Empty } from "../kit/states";

/** What an address shows that leads nowhere. */
export function Lost() {
  useTitle("Not found");
  return (
    <Empty title="There is no such page" action={<ButtonLink to="/">Go to the start</ButtonLink>}>
      The link may be old, or a letter of it missing.
    </Empty>
  );
}
