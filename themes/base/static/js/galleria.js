/* Progressive enhancement. Every page works without this file; nothing here decides anything the server does not. */
"use strict";

(() => {
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
  const isTyping = (element) => element?.closest("input, textarea, select, [contenteditable]");
  const fragmentHeaders = { "X-Requested-With": "fetch", Accept: "text/html" };

  /* Fragments that replace themselves until the work is over: data-poll-url, answered with the same element.
     What has not changed stays, so that nothing is read out twice; data-poll-seconds is the pause, else two. */
  const pauseOf = (element) => (Number(element.dataset.pollSeconds) || 2) * 1000;

  function poll(element, wait = pauseOf(element)) {
    window.setTimeout(async () => {
      if (!element.isConnected) return;
      if (document.hidden) return poll(element, wait);
      try {
        const answer = await fetch(element.dataset.pollUrl, { headers: fragmentHeaders });
        if (!answer.ok) throw new Error(String(answer.status));
        const holder = document.createElement("template");
        holder.innerHTML = await answer.text();
        const fresh = holder.content.firstElementChild;
        if (!fresh) return;
        if (fresh.isEqualNode(element)) return poll(element);
        const hadFocus = element.contains(document.activeElement);
        element.replaceWith(fresh);
        if (hadFocus) fresh.querySelector("a, button")?.focus();
        if (fresh.dataset.pollUrl) poll(fresh);
        else if (fresh.dataset.reload !== undefined) window.location.reload();
      } catch {
        poll(element, Math.min(wait * 2, 30000));
      }
    }, wait);
  }

  /* Is this name free? data-check-url answers {"state": "free" | "taken" | "invalid", "message": "…"}. */
  function liveCheck(input) {
    const output = input.closest(".field")?.querySelector("[data-check-state]");
    if (!output) return;
    let timer;
    let request;
    const show = (state, message) => {
      output.dataset.state = state === "free" ? "free" : state ? "taken" : "";
      output.textContent = message;
    };
    input.addEventListener("input", () => {
      window.clearTimeout(timer);
      request?.abort();
      const value = input.value.trim();
      if (value.length < 3) return show("", "");
      timer = window.setTimeout(async () => {
        request = new AbortController();
        const url = new URL(input.dataset.checkUrl, window.location.href);
        url.searchParams.set("value", value);
        try {
          const answer = await fetch(url, { headers: { Accept: "application/json" }, signal: request.signal });
          if (!answer.ok) return show("", "");
          const result = await answer.json();
          show(result.state, result.message);
        } catch (error) {
          if (error.name !== "AbortError") show("", "");
        }
      }, 350);
    });
  }

  /* Search as you type: data-lookup-url answers with <option> elements for the field's list. */
  function lookup(input) {
    const list = document.getElementById(input.getAttribute("list"));
    let timer;
    input.addEventListener("input", () => {
      window.clearTimeout(timer);
      const text = input.value.trim();
      if (!list || text.length < 2 || Array.from(list.options).some((option) => option.value === text)) return;
      timer = window.setTimeout(async () => {
        const url = new URL(input.dataset.lookupUrl, window.location.href);
        url.searchParams.set("q", text);
        const answer = await fetch(url, { headers: fragmentHeaders });
        if (answer.ok) list.innerHTML = await answer.text();
      }, 250);
    });
  }

  /* Selecting rows, and what may be done with them. */
  function bulk(frame) {
    const bar = frame.querySelector("[data-bulk-bar]");
    if (!bar) return;
    const boxes = all("[data-select]", frame);
    const head = frame.querySelector("[data-select-all]");
    const count = bar.querySelector("[data-bulk-count]");
    bar.classList.add("is-live");
    const update = () => {
      const chosen = boxes.filter((box) => box.checked).length;
      bar.classList.toggle("is-open", chosen > 0);
      count.textContent = chosen === 1 ? count.dataset.one : count.dataset.many.replace("{n}", String(chosen));
      if (head) {
        head.checked = chosen === boxes.length && chosen > 0;
        head.indeterminate = chosen > 0 && chosen < boxes.length;
      }
    };
    if (head) {
      head.hidden = false;
      head.addEventListener("change", () => {
        for (const box of boxes) box.checked = head.checked;
        update();
      });
    }
    let last = null;
    for (const box of boxes) {
      box.addEventListener("click", (event) => {
        if (event.shiftKey && last) {
          const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
          for (const between of boxes.slice(from, to + 1)) between.checked = box.checked;
        }
        last = box;
        update();
      });
    }
    update();
  }

  /* Changes that are not saved. */
  function guard(form) {
    const state = () => new URLSearchParams(Array.from(new FormData(form), ([k, v]) => [k, typeof v === "string" ? v : v.name])).toString();
    const before = state();
    const note = form.querySelector("[data-guard-note]");
    const calm = note?.textContent ?? "";
    let leaving = false;
    const isChanged = () => !leaving && state() !== before;
    form.addEventListener("input", () => {
      if (note) note.textContent = isChanged() ? form.dataset.guard : calm;
    });
    form.addEventListener("submit", () => { leaving = true; });
    window.addEventListener("beforeunload", (event) => {
      if (isChanged()) event.preventDefault();
    });
  }

  /* Files dropped onto their field, and a look at the picture before it is sent. */
  function dropzone(zone) {
    const input = zone.querySelector('input[type="file"]');
    const preview = zone.querySelector("[data-preview]");
    if (!input) return;
    const show = () => {
      const file = input.files?.[0];
      if (!preview || !file?.type.startsWith("image/")) return;
      const reader = new FileReader();
      reader.addEventListener("load", () => {
        preview.src = String(reader.result);
        preview.alt = file.name;
        preview.hidden = false;
      });
      reader.readAsDataURL(file);
    };
    input.addEventListener("change", show);
    for (const kind of ["dragenter", "dragover"]) {
      zone.addEventListener(kind, (event) => {
        event.preventDefault();
        zone.classList.add("is-over");
      });
    }
    for (const kind of ["dragleave", "drop"]) zone.addEventListener(kind, () => zone.classList.remove("is-over"));
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      if (!event.dataTransfer?.files.length) return;
      input.files = event.dataTransfer.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    });
  }

  /* Lists in an order people choose: the buttons submit; dragging moves the row and submits the whole order. */
  function sortable(list) {
    const form = list.closest("form");
    let dragged = null;
    list.classList.add("is-live");
    for (const row of list.children) {
      row.draggable = true;
      row.addEventListener("dragstart", (event) => {
        dragged = row;
        row.classList.add("is-dragged");
        event.dataTransfer.effectAllowed = "move";
      });
      row.addEventListener("dragend", () => {
        row.classList.remove("is-dragged");
        dragged = null;
        form?.requestSubmit();
      });
      row.addEventListener("dragover", (event) => {
        if (!dragged || dragged === row) return;
        event.preventDefault();
        const { top, height } = row.getBoundingClientRect();
        row[event.clientY < top + height / 2 ? "before" : "after"](dragged);
      });
    }
  }

  /* A table that has room lets its header stick to the window; a wider one keeps scrolling sideways in its box. */
  function fit(box) {
    const table = box.querySelector("table");
    new ResizeObserver(() => {
      const isFitting = table.offsetWidth <= box.clientWidth;
      box.classList.toggle("is-fitting", isFitting);
      if (isFitting) box.removeAttribute("tabindex");
      else box.tabIndex = 0;
    }).observe(box);
  }

  function stepper(box) {
    const input = box.querySelector("input");
    box.classList.add("is-live");
    for (const button of all("[data-step]", box)) {
      button.addEventListener("click", () => {
        if (Number(button.dataset.step) > 0) input.stepUp();
        else input.stepDown();
        input.dispatchEvent(new Event("input", { bubbles: true }));
        input.dispatchEvent(new Event("change", { bubbles: true }));
      });
    }
  }

  function palette(dialog) {
    const input = dialog.querySelector("input");
    const results = dialog.querySelector("[data-palette-results]");
    let timer;
    const search = async () => {
      const url = new URL(dialog.dataset.paletteUrl, window.location.href);
      url.searchParams.set("q", input.value.trim());
      const answer = await fetch(url, { headers: fragmentHeaders });
      if (answer.ok) results.innerHTML = await answer.text();
    };
    input.addEventListener("input", () => {
      window.clearTimeout(timer);
      timer = window.setTimeout(search, 150);
    });
    dialog.addEventListener("keydown", (event) => {
      const links = all("a", results);
      const at = links.indexOf(document.activeElement);
      const next = { ArrowDown: at + 1, ArrowUp: at - 1 }[event.key];
      if (next === undefined) {
        if (event.key === "Enter" && at < 0 && links[0]) links[0].click();
        return;
      }
      event.preventDefault();
      (links[next] ?? input).focus();
    });
    document.addEventListener("keydown", (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        if (!dialog.open) dialog.showModal();
        input.focus();
        search();
      }
    });
  }

  function remember(details) {
    const key = `galleria:${details.dataset.remember}`;
    try {
      if (window.localStorage.getItem(key) === "closed" && !details.querySelector("[aria-current]")) details.open = false;
      details.addEventListener("toggle", () => window.localStorage.setItem(key, details.open ? "open" : "closed"));
    } catch {
      /* Storage is refused: groups simply start open. */
    }
  }

  document.addEventListener("click", async (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const opener = target?.closest("[data-dialog-open]");
    const dialog = opener && document.getElementById(opener.dataset.dialogOpen);
    if (dialog instanceof HTMLDialogElement) {
      event.preventDefault();
      opener.closest("details")?.removeAttribute("open");
      dialog.showModal();
      return;
    }
    const closer = target?.closest("[data-dialog-close]")?.closest("dialog");
    if (closer?.open) {
      event.preventDefault();
      closer.close();
      return;
    }
    const toggle = target?.closest("[data-toggle-nav]");
    const side = document.getElementById("navigation");
    if (toggle && side) {
      event.preventDefault();
      if (side.classList.toggle("is-open")) side.querySelector("a")?.focus();
      return;
    }
    if (side?.classList.contains("is-open") && !target?.closest("#navigation")) side.classList.remove("is-open");
    for (const menu of all("details[data-menu][open]")) if (!menu.contains(target)) menu.open = false;
    const copy = target?.closest("[data-copy]");
    if (copy) {
      await navigator.clipboard.writeText(copy.dataset.copy);
      const use = copy.querySelector("use");
      use?.setAttribute("href", use.getAttribute("href").replace(/#.*/, "#check"));
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      document.getElementById("navigation")?.classList.remove("is-open");
      for (const menu of all("details[data-menu][open]")) {
        menu.open = false;
        menu.querySelector("summary")?.focus();
      }
    }
    if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !isTyping(event.target)) {
      const search = document.querySelector("#site-search, [data-search]");
      if (search) {
        event.preventDefault();
        search.focus();
        search.select();
      }
    }
  });

  /* A second click on a submit button is never a second order; the server keeps its own guard. */
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "1";
    window.setTimeout(() => delete form.dataset.sent, 4000);
  });
  window.addEventListener("pageshow", () => all("form[data-sent]").forEach((form) => delete form.dataset.sent));

  all("[data-poll-url]").forEach((element) => poll(element));
  all("[data-check-url]").forEach(liveCheck);
  all("[data-lookup-url]").forEach(lookup);
  all("[data-bulk]").forEach(bulk);
  all("form[data-guard]").forEach(guard);
  all("[data-dropzone]").forEach(dropzone);
  all("[data-sortable]").forEach(sortable);
  all("[data-fit]").forEach(fit);
  all("[data-stepper]").forEach(stepper);
  all("[data-palette-url]").forEach(palette);
  all("details[data-remember]").forEach(remember);
  if (navigator.clipboard) all("[data-copy]").forEach((button) => { button.hidden = false; });
  document.querySelector("[data-focus-first]")?.focus();
})();
