/** Where a command writes, and how it may look there. */
export interface Screen {
  /** With its line ends. */
  readonly write: (text: string) => void;
  /** What was written can be written over. */
  readonly canRedraw: boolean;
  readonly style: Style;
}

export interface Style {
  readonly heading: (text: string) => string;
  readonly alarm: (text: string) => string;
  /** A bar of that share of `width` characters; from 0 to 1. */
  readonly bar: (share: number, width: number) => string;
}

/** For files, pipes, and whoever wants no colours: ASCII. */
const plain: Style = {
  heading: (text) => text,
  alarm: (text) => text,
  bar: (share, width) => '#'.repeat(Math.round(share * width)),
};

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

const colourful: Style = {
  heading: (text) => `\x1b[1m${text}\x1b[0m`,
  alarm: (text) => `\x1b[31m${text}\x1b[0m`,
  bar: (share, width) => {
    const eighths = Math.round(share * width * 8);
    const text = '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8];
    return `\x1b[36m${text}\x1b[0m`;
  },
};

interface Output {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** `NO_COLOR` of any content wants none (no-color.org); a dumb terminal knows none. */
export function screenOf(
  output: Output,
  env: Readonly<Record<string, string | undefined>>,
): Screen {
  const canRedraw = output.isTTY === true && env['TERM'] !== 'dumb';
  const isPlain = !canRedraw || (env['NO_COLOR'] ?? '') !== '';
  return {
    write: (text) => {
      output.write(text);
    },
    canRedraw,
    style: isPlain ? plain : colourful,
  };
}
