const NEWLINE = 0x0a;

/**
 * Cuts a stream of bytes into its lines, whatever the pieces in which it comes. A line of more than
 * `maxBytes` throws what `tooLong` makes. What stands behind the last newline is dropped: the
 * stream was cut in the middle of a line.
 */
export async function* linesOf(
  pieces: AsyncIterable<Uint8Array>,
  { maxBytes, tooLong }: { readonly maxBytes: number; readonly tooLong: () => Error },
): AsyncGenerator<string> {
  let begun: Uint8Array[] = [];
  let length = 0;
  for await (const piece of pieces) {
    let from = 0;
    for (let end = piece.indexOf(NEWLINE); end >= 0; end = piece.indexOf(NEWLINE, from)) {
      begun.push(piece.subarray(from, end));
      if (length + end - from > maxBytes) throw tooLong();
      const line = Buffer.concat(begun).toString('utf8');
      begun = [];
      length = 0;
      from = end + 1;
      if (line.trim() !== '') yield line;
    }
    length += piece.length - from;
    if (length > maxBytes) throw tooLong();
    if (from < piece.length) begun.push(piece.subarray(from));
  }
}
