import { describe, expect, it } from 'vitest';
import { beta, betaDecimals, bytes, changePercent, compact, exact, layerRange, percent, perplexity, powerOfTen, short } from './format'; // prettier-ignore

const plain = (text: string): string => text.replaceAll('\u202f', ' ').replaceAll('\u2212', '-');

describe('format', () => {
  it('writes table cells with 6 to 9 significant digits, without grouping or exponents', () => {
    expect(exact(0.7)).toBe('0.700000');
    expect(exact(1234567.891234)).toBe('1234567.89');
    expect(exact(1.25e-9)).toBe('0.00000000125000');
    expect([exact(null), exact(undefined), exact(NaN), exact(Infinity)]).toEqual(['', '', '', '']);
  });

  it('writes changes with a sign', () => {
    expect(plain(changePercent(0.588))).toBe('-41 %');
    expect(plain(changePercent(1.031))).toBe('+3.1 %');
    expect(plain(changePercent(1))).toBe('±0 %');
    expect(plain(changePercent(0.99999))).toBe('±0 %');
  });

  it('says that a perplexity diverged', () => {
    expect(perplexity(58.234)).toBe('58.23');
    expect(perplexity(1234.5)).toBe('1,235');
    expect(perplexity(null)).toBe('diverged');
    expect(perplexity(NaN)).toBe('diverged');
  });

  it('shows a slider step in beta', () => {
    expect(betaDecimals(0.04)).toBe(4);
    expect(betaDecimals(0.6)).toBe(3);
    expect(betaDecimals(null)).toBe(3);
    expect(plain(beta(0.012, 0.04))).toBe('0.0120');
    expect(plain(beta(0.012, 0.04, true))).toBe('0.012');
    expect(plain(beta(0.0124, 0.04, true))).toBe('0.0124');
    expect(plain(beta(-0.012, 0.04, true))).toBe('-0.012');
    expect(plain(beta(-1e-9, 0.04))).toBe('0.0000');
    expect(plain(beta(0, 0.04, true))).toBe('0.000');
  });

  it('puts ranges and sizes into words', () => {
    expect(plain(layerRange([0.61, 0.7, 0.79]))).toBe('layers from 61 % to 79 %');
    expect(plain(layerRange([0.7, 0.7]))).toBe('every layer 70 %');
    expect(plain(percent(0.69965, 2))).toBe('69.97 %');
    expect(plain(bytes(7_040_000))).toBe('7.0 MB');
    expect(plain(short(3_540_000))).toBe('3.5 M');
    expect(powerOfTen(-12)).toBe('10⁻¹²');
    expect(plain(compact(0.001244))).toBe('0.00124');
    expect(plain(compact(31_000_000))).toBe('3.10 × 10⁷');
    expect(compact(null)).toBe('…');
  });
});
