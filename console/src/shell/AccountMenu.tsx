import { CircleUser, Keyboard, LogOut, MonitorSmartphone } from "lucide-react";
import { IconButton } from "../kit/IconButton";
import { Menu, MenuChoice, MenuItem, MenuSeparator } from "../kit/Menu";
import { useMe, useSignOut } from "../session/queries";
import styles from "./AccountMenu.module.css";
import { sessions, shortcuts } from "./dialogs";
import { type Density, type Theme, useDensity, useTheme } from "./look";

const THEMES: { value: Theme; label: string }[] = [
  { value: "system", label: "As the system" },
  { value: "light", label: "Light" },
  { value: "dark", label: "Dark" },
];
const DENSITIES: { value: Density; label: string }[] = [
  { value: "roomy", label: "Roomy" },
  { value: "compact", label: "Compact" },
];

/** Who one is, how things look, and the way out. It is open when it is first shown. */
export function AccountMenu() {
  const me = useMe();
  const signOut = useSignOut();
  const [theme, setTheme] = useTheme();
  const [density, setDensity] = useDensity();
  return (
    <Menu
      side="right"
      defaultOpen
      align="end"
      trigger={
        <IconButton label="Account and settings">
          <CircleUser />
        </IconButton>
      }
    >
      <div className={styles.who}>
        <strong>{me.name || me.email || "You"}</strong>
        <span>{me.role}</span>
      </div>
      <MenuSeparator />
      <MenuChoice label="Theme" value={theme} options={THEMES} onChange={setTheme} />
      <MenuChoice label="Density" value={density} options={DENSITIES} onChange={setDensity} />
      <MenuSeparator />
      <MenuItem icon={<Keyboard />} onSelect={shortcuts.open}>
        Keyboard shortcuts
      </MenuItem>
      <MenuItem icon={<MonitorSmartphone />} onSelect={sessions.open}>
        Signed-in devices
      </MenuItem>
      <MenuItem icon={<LogOut />} onSelect={() => signOut.mutate()}>
        Sign out
      </MenuItem>
    </Menu>
  );
}
