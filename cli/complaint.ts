/**
 * What a command ends with that cannot or will not do what it was told: one line, which names what
 * is wrong and what would be right.
 */
export class Complaint extends Error {
  override readonly name: string = 'Complaint';
}

/** The words themselves are wrong. */
export class Misuse extends Complaint {
  override readonly name = 'Misuse';
}
