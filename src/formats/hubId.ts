/** How users name things of the Hub: models, one file of a model, and the texts that the lab knows. Pure. */
import { LabError } from '../core/errors';

export interface HubId {
  /** owner/name. */
  name: string;
  /** A branch, tag or commit; undefined leaves it to the Hub. */
  revision: string | undefined;
  /** One weight file of several, by its name at the top level. */
  file: string | undefined;
}

const RE_NAME = /^[\w.-]{1,96}\/[\w.-]{1,96}$/;
const RE_WEIGHT_FILE = /^[\w][\w .+-]{0,190}\.(gguf|safetensors)$/i;
/** Hosts that always mean the Hub, whatever other Hub is in use. */
const HUB_HOSTS: readonly string[] = ['huggingface.co', 'www.huggingface.co', 'hf.co'];

/**
 * 'owner/name', 'owner/name@revision', 'owner/name/file.gguf@revision', any of them after 'hf:', or the address of a
 * model page or file. `hubUrl` is the Hub in use: an address of another host is refused. SpecError when it is none.
 */
export function parseHubId(text: string, hubUrl?: string): HubId {
  const given = text.trim().replace(/^hf:/, '');
  const id = /^https?:\/\//i.test(given) ? fromAddress(given, hubUrl) : fromName(given);
  const [owner = '', name = ''] = id?.name.split('/') ?? [];
  const dots = (part: string): boolean => /^\.+$/.test(part);
  if (
    !id ||
    !RE_NAME.test(id.name) ||
    dots(owner) ||
    dots(name) ||
    (id.revision !== undefined && !isRevision(id.revision)) ||
    (id.file !== undefined && !RE_WEIGHT_FILE.test(id.file))
  ) {
    throw new LabError(
      'SpecError',
      `"${text.slice(0, 120)}" is no model of the Hub.`,
      'Write owner/name, owner/name@revision, or the address of its page.',
    );
  }
  return id;
}

function fromName(given: string): HubId {
  const at = given.indexOf('@');
  const [owner = '', name = '', ...rest] = (at < 0 ? given : given.slice(0, at)).split('/');
  const revision = at < 0 ? undefined : given.slice(at + 1) || undefined;
  return { name: `${owner}/${name}`, revision, file: rest.length > 0 ? rest.join('/') : undefined };
}

function fromAddress(given: string, hubUrl: string | undefined): HubId | null {
  if (!URL.canParse(given)) return null;
  const url = new URL(given);
  const hub = hubUrl !== undefined && URL.canParse(hubUrl) ? new URL(hubUrl) : null;
  const ours = hub?.host === url.host;
  if (!HUB_HOSTS.includes(url.hostname) && !ours && hubUrl !== undefined) {
    throw new LabError(
      'SpecError',
      `${url.host} is not the Hub in use (${hub?.host ?? hubUrl}).`,
      'Name the model as owner/name, or give an address of that Hub.',
    );
  }
  // A Hub may lie below a path of its host.
  const root = ours && hub ? hub.pathname.replace(/\/$/, '') : '';
  if (!url.pathname.startsWith(root)) return null;
  let parts: string[];
  try {
    parts = url.pathname.slice(root.length).split('/').filter(Boolean).map(decodeURIComponent);
  } catch {
    return null; // a lone % sign
  }
  const [owner = '', name = '', view, revision, ...path] = parts;
  const name2 = `${owner}/${name}`;
  if (view === 'tree') return { name: name2, revision, file: undefined };
  if (view === 'resolve' || view === 'blob') {
    const file = path.join('/');
    // The address of a config or a shard means the model that it belongs to.
    const one = RE_WEIGHT_FILE.test(file) && !/-\d{5}-of-\d{5}\.safetensors$/.test(file);
    return { name: name2, revision, file: one && file !== 'model.safetensors' ? file : undefined };
  }
  return { name: name2, revision: undefined, file: undefined };
}

export function isRevision(revision: string): boolean {
  return revision.length <= 200 && revision !== '' && !/[\s?#\\]|\.\./.test(revision);
}

/** How a spec, an address and a report name it. */
export function hubIdText({
  name,
  revision,
  file,
}: {
  name: string;
  revision?: string | undefined;
  file?: string | undefined;
}): string {
  return `hf:${name}${file === undefined ? '' : `/${file}`}${revision === undefined ? '' : `@${revision}`}`;
}

/** A text of the Hub that the lab knows how to read. */
export interface HubTextId {
  text: 'wikitext-2' | 'c4';
  split: 'train' | 'validation' | 'test';
  revision: string | undefined;
}

/** Names of all of them, for help and menus. */
export const HUB_TEXTS: readonly string[] = [
  'hf:wikitext-2/train',
  'hf:wikitext-2/validation',
  'hf:wikitext-2/test',
  'hf:c4',
  'hf:c4/validation',
];

export function isHubText(text: string): boolean {
  return text.startsWith('hf:');
}

/** 'hf:wikitext-2/test', 'hf:c4' (its training split), each with an optional '@revision'. SpecError otherwise. */
export function parseHubText(text: string): HubTextId {
  const match = /^hf:(?<name>[^@/]+)(?:\/(?<split>[^@]+))?(?:@(?<revision>.+))?$/.exec(text)?.groups;
  const revision = match?.revision;
  const plain = match && `hf:${match.name ?? ''}${match.split === undefined ? '' : `/${match.split}`}`;
  const known = plain === 'hf:c4/train' ? 'hf:c4' : plain;
  if (!known || !HUB_TEXTS.includes(known) || (revision !== undefined && !isRevision(revision))) {
    throw new LabError(
      'SpecError',
      `"${text.slice(0, 120)}" is no text of the Hub that the lab knows.`,
      `Use one of ${HUB_TEXTS.join(', ')}.`,
    );
  }
  if (known === 'hf:c4') return { text: 'c4', split: 'train', revision };
  if (known === 'hf:c4/validation') return { text: 'c4', split: 'validation', revision };
  const split = known.slice('hf:wikitext-2/'.length);
  return { text: 'wikitext-2', split: split === 'test' ? 'test' : split === 'train' ? 'train' : 'validation', revision }; // prettier-ignore
}
