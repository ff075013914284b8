import { CircleUser } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { IconButton } from "../kit/IconButton";

const AccountMenu = lazy(() =>
  import("./AccountMenu").then(({ AccountMenu: found }) => ({
    default: found,
  })),
);

/** The button of the account's menu, whose code is loaded when it is pressed for the first time. */
export function AccountButton() {
  const [wanted, setWanted] = useState(false);
  const button = (
    <IconButton label="Account and settings" aria-haspopup="menu" onClick={() => setWanted(true)}>
      <CircleUser />
    </IconButton>
  );
  if (!wanted) return button;
  return (
    <Suspense fallback={button}>
      <AccountMenu />
    </Suspense>
  );
}
