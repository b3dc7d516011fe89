import { signal } from "@preact/signals";

import { VISITORS_MAX, addVisitor, visitors } from "../state/window";

const THEMES = ["auto", "light", "dark"] as const;
const KEPT = "playground-theme";

const kept = localStorage.getItem(KEPT);
const theme = signal<(typeof THEMES)[number]>(THEMES.find((name) => name === kept) ?? "auto");
theme.subscribe((name) => {
  document.documentElement.dataset["theme"] = name;
  localStorage.setItem(KEPT, name);
});

export const TopBar = () => (
  <header class="top">
    <h1>
      Chat events <span class="muted">playground</span>
    </h1>
    <p class="host muted mono">{location.host}</p>
    <label class="inline">
      <span>Colours</span>
      <select
        value={theme}
        onChange={(event) => (theme.value = event.currentTarget.value as (typeof THEMES)[number])}
      >
        <option value="auto">as the system</option>
        <option value="light">light</option>
        <option value="dark">dark</option>
      </select>
    </label>
    <button type="button" class="primary" onClick={addVisitor} disabled={visitors.value.length >= VISITORS_MAX}>
      Add a user
    </button>
  </header>
);
