import { useEffect, useId, useMemo, useRef, useState, type KeyboardEvent } from 'react';
import { useStore } from 'zustand';
import { parseMethod } from '../../core/comparison';
import { LabError } from '../../core/errors';
import type { LabSpec } from '../../core/spec';
import { Choice } from '../controls/Choice';
import { useRun, useSpec } from '../hooks/useLab';
import { ParamFields } from '../panels/MethodParams';
import { change, compareStore } from './comparer';
import { entryName, entryText, inOrder, LISTED, ownMethods, type OwnMethod } from './methodEntries';

interface Draft {
  method: OwnMethod;
  set: LabSpec['set'];
  /** The entry that is changed; null for a new one. */
  replaces: string | null;
}

/** Entries with parameters of their own, beside those with the defaults. */
export function OwnEntries({ disabled }: { disabled: boolean }) {
  const { pruners, allocations, sparsities } = useStore(compareStore, (state) => state.draft);
  const boot = useRun((state) => state.boot);
  const layers = useRun((state) => state.model?.layers ?? null);
  const spec = useSpec((state) => state.spec);
  const methods = useMemo(() => ownMethods(boot, spec, sparsities, layers), [boot, spec, sparsities, layers]);
  const [draft, setDraft] = useState<Draft | null>(null);
  const add = useRef<HTMLButtonElement>(null);
  const lists = { pruners, allocations };
  const entries = (['pruners', 'allocations'] as const).flatMap((kind) =>
    lists[kind]
      .filter((text) => text.includes(':'))
      .map((text) => {
        const { id, set } = parseMethod(text);
        const method = methods.find((one) => one.kind === kind && one.id === id);
        return { kind, text, set, method, name: entryName(text, method) };
      }),
  );
  const [first] = methods;

  const close = (): void => {
    setDraft(null);
    // The button is there again once this is drawn.
    requestAnimationFrame(() => add.current?.focus());
  };
  const write = (kind: OwnMethod['kind'], from: string | null, to: string | null): void => {
    const others = lists[kind].filter((text) => text !== from);
    const menu = kind === 'pruners' ? (boot?.pruners ?? []) : LISTED;
    change({ [kind]: inOrder(to === null ? others : [...others, to], menu) });
    close();
  };

  return (
    <fieldset className="compare-own" disabled={disabled}>
      <legend>With parameters of their own</legend>
      {entries.length > 0 && (
        <ul aria-label="Entries with parameters">
          {entries.map(({ kind, text, set, method, name }) => (
            <li key={`${kind} ${text}`}>
              <span title={text}>{name}</span>
              {method && (
                <button
                  type="button"
                  className="button small quiet"
                  aria-label={`Change ${name}`}
                  onClick={() => setDraft({ method, set, replaces: text })}
                >
                  Change
                </button>
              )}
              <button
                type="button"
                className="button small quiet"
                aria-label={`Remove ${name}`}
                onClick={() => write(kind, text, null)}
              >
                Remove
              </button>
            </li>
          ))}
        </ul>
      )}
      {draft ? (
        <Editor
          key={draft.replaces}
          start={draft}
          methods={methods}
          taken={(kind, text) => text !== draft.replaces && lists[kind].includes(text)}
          onDone={(method, text) => write(method.kind, draft.replaces, text)}
          onCancel={close}
        />
      ) : (
        <button
          ref={add}
          type="button"
          className="button small"
          disabled={!first}
          onClick={() => first && setDraft({ method: first, set: {}, replaces: null })}
        >
          Add with parameters…
        </button>
      )}
    </fieldset>
  );
}

interface EditorProps {
  start: Draft;
  methods: readonly OwnMethod[];
  taken: (kind: OwnMethod['kind'], text: string) => boolean;
  onDone: (method: OwnMethod, text: string) => void;
  onCancel: () => void;
}

function Editor({ start, methods, taken, onDone, onCancel }: EditorProps) {
  const id = useId();
  const [method, setMethod] = useState(start.method);
  const [set, setSet] = useState(start.set);
  const [problem, setProblem] = useState<string | null>(null);
  const group = useRef<HTMLDivElement>(null);
  // Whether the press or key at hand left a field whose value was refused: then it does not add the rest.
  const refused = useRef(false);
  const begin = (): void => {
    refused.current = false;
  };
  const keyOf = (one: OwnMethod): string => `${one.kind} ${one.id}`;

  useEffect(() => group.current?.querySelector<HTMLElement>('[role=combobox], input')?.focus(), []);

  const finish = (): void => {
    if (refused.current) return;
    try {
      const text = entryText(method, set);
      if (!text.includes(':'))
        setProblem('Change at least one value: the defaults are the entry to tick above.');
      else if (taken(method.kind, text)) setProblem('This entry is in the list already.');
      else onDone(method, text);
    } catch (cause) {
      setProblem(LabError.from(cause).message);
    }
  };
  // Enter commits a field; it does not start the comparison. Escape leaves the editor, not the dialog.
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.defaultPrevented) return;
    if (event.key === 'Enter' && event.target instanceof HTMLInputElement) event.preventDefault();
    if (event.key === 'Escape') {
      event.preventDefault();
      onCancel();
    }
  };

  return (
    <div
      ref={group}
      role="group"
      aria-labelledby={id}
      className="compare-editor"
      onKeyDown={onKeyDown}
      onKeyDownCapture={begin}
      onPointerDownCapture={begin}
    >
      <h3 id={id}>
        {start.replaces === null ? 'New entry' : `Change ${entryName(start.replaces, start.method)}`}
      </h3>
      {start.replaces === null && (
        <Choice
          label="Method"
          value={keyOf(method)}
          options={methods.map((one) => ({
            value: keyOf(one),
            label: `${one.label} (${one.kind === 'pruners' ? 'pruner' : 'allocation'})`,
          }))}
          onChange={(key) => {
            const next = methods.find((one) => keyOf(one) === key);
            if (!next) return;
            setMethod(next);
            setSet({});
            setProblem(null);
          }}
        />
      )}
      <ParamFields
        key={keyOf(method)}
        params={method.params}
        set={set}
        onChange={setSet}
        onRefuse={({ message }) => {
          refused.current = true;
          setProblem(message);
        }}
      />
      <div className="dialog-actions">
        <button type="button" className="button small primary" onClick={finish}>
          {start.replaces === null ? 'Add entry' : 'Save entry'}
        </button>
        <button type="button" className="button small quiet" onClick={onCancel}>
          Cancel
        </button>
      </div>
      {/* Below the buttons, and left standing until they are pressed: it must not move them from under the pointer. */}
      <p role="alert" className="compare-problem">
        {problem}
      </p>
    </div>
  );
}
