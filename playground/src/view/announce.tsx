// What a screen reader should hear although nothing on the page moved there.
import { signal } from "@preact/signals";

const said = signal("");

export const announce = (text: string): void => {
  said.value = text;
};

export const Announcer = () => (
  <p class="sr-only" role="status">
    {said}
  </p>
);
