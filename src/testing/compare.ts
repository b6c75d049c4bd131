/** The comparison that the self-test uses too. */
export { compare, expectClose, type Bound, type Mismatch } from '../ops/compare';
