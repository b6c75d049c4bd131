/** An unseen file input that a button clicks. It is empty again after each pick. */
import type { RefObject } from 'react';
import { takePicked, type PickedFile } from '../lab/files';

interface Props {
  ref: RefObject<HTMLInputElement | null>;
  /** What it is for, in the page's markup. */
  pick: string;
  /** File endings; any file where left out. */
  accept?: string;
  multiple?: boolean;
  /** A whole folder. */
  folder?: boolean;
  /** At least one file. */
  onPick: (files: [PickedFile, ...PickedFile[]]) => void;
}

export function FileInput({ ref, pick, accept, multiple, folder, onPick }: Props) {
  return (
    <input
      ref={ref}
      type="file"
      hidden
      accept={accept}
      multiple={multiple}
      data-pick={pick}
      {...(folder && { webkitdirectory: '' })}
      onChange={(event) => {
        const [first, ...others] = takePicked(event.currentTarget);
        if (first) onPick([first, ...others]);
      }}
    />
  );
}
