/** What the Hub's answers mean for the user: every cause its own sentence, with what to do about it. */
import { LabError } from '../core/errors';
import { httpError, retryAfterText } from './httpTry';

/** What was asked for. */
export interface HubSubject {
  kind: 'model' | 'dataset';
  name: string;
  revision: string;
  file?: string;
  /** Address of its page, for conditions that must be accepted there. */
  page: string;
  hasToken: boolean;
  /** How this user gives a token: "set HF_TOKEN", "enter a read token above". */
  tokenHint: string;
}

/** The error of a refused request. The Hub names most causes in the header X-Error-Code. */
export function hubRefusal(subject: HubSubject, status: number, response: Response): LabError {
  const { kind, name, revision, file, page, hasToken, tokenHint } = subject;
  const say = (what: string, remedy: string): LabError =>
    new LabError('FetchError', `${name}: ${what} (HTTP ${status}).`, remedy);
  const code = response.headers.get('x-error-code') ?? '';
  if (code === 'GatedRepo' || (status === 403 && code === '')) {
    return hasToken
      ? say(
          `the ${kind} is gated, and the account of this token has no access`,
          `Accept its conditions at ${page} with that account, or use a token that may read gated repositories.`,
        )
      : say(
          `the ${kind} is gated: its conditions must be accepted first`,
          `Accept them at ${page}, then ${tokenHint}.`,
        );
  }
  if (code === 'DisabledRepo') return say(`the ${kind} was disabled by the Hub`, 'Choose another one.');
  if (status === 403) return say('access refused by the Hub', `Check your rights at ${page}.`);
  if (code === 'RevisionNotFound')
    return say(`there is no revision "${revision}"`, `See its branches and tags at ${page}.`);
  if (code === 'EntryNotFound')
    return say(`there is no file ${file ?? 'of that name'} at revision ${revision}`, `See ${page}.`);
  if (status === 401 && hasToken && code !== 'RepoNotFound')
    return say(
      'the Hub does not accept this token',
      'Check that it is complete and not revoked; a read token is enough.',
    );
  if (status === 401 || (code === 'RepoNotFound' && !hasToken))
    return say('not found on the Hub, or private', `Check the name; for a private ${kind} ${tokenHint}.`);
  if (code === 'RepoNotFound')
    return say('not found on the Hub, or this token may not see it', 'Check the name and the token.');
  if (status === 404 && file !== undefined)
    return say(`there is no file ${file} at revision ${revision}`, `See ${page}.`);
  if (status === 404) return say(`not found on the Hub at revision ${revision}`, 'Check name and revision.');
  if (status === 429)
    return say(
      'the Hub has had too many requests from here',
      `Wait ${retryAfterText(response)} and try again; what came is kept.`,
    );
  if (status === 416) return say('the file changed on the Hub while it was read', 'Load it again.');
  if (status >= 500) return say('the Hub failed', 'Try again later; what came is kept.');
  return httpError(name, status, response);
}

/** Any failure of a call to the Hub, as a LabError that says whether it was reached at all. */
export function hubFailure(name: string, error: unknown): LabError {
  const offline = isUnreachable(error) || error instanceof TypeError;
  if (error instanceof LabError && !offline) return error;
  if (offline) {
    return new LabError(
      'FetchError',
      `${name}: the Hub cannot be reached.`,
      'Check the network connection, or use a model on this machine.',
      { cause: error instanceof LabError ? error.cause : error },
    );
  }
  const reason = error instanceof Error ? error.message.slice(0, 200) : String(error);
  return new LabError(
    'FetchError',
    `${name}: the Hub gave an answer that cannot be read: ${reason}.`,
    'Try again later.',
    { cause: error },
  );
}

/** True when no server answered, rather than one that refused. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof LabError && error.kind === 'FetchError' && error.cause instanceof TypeError;
}
