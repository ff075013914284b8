import { Button } from "../kit/Button";
import { useTitle } from "../kit/Page";
import { Empty } from "../kit/states";

/** What a page shows that broke. Mostly its code has changed on the server since it was opened. */
export function Broken() {
  useTitle("Broken");
  return (
    <Empty
      title="This page broke"
      action={
        <Button look="primary" onClick={() => location.reload()}>
          Reload it
        </Button>
      }
    >
      The console may have been updated since you opened it. Report this if it happens again.
    </Empty>
  );
}
