import { Component, type ReactNode } from 'react';

/** Catches what a component throws: the page says so instead of going blank. */
export class Boundary extends Component<{ children: ReactNode }, { message: string | null }> {
  override state = { message: null };

  static getDerivedStateFromError(error: unknown): { message: string } {
    return { message: error instanceof Error ? error.message : String(error) };
  }

  override render(): ReactNode {
    if (this.state.message === null) return this.props.children;
    return (
      <main className="unsupported">
        <section className="card" role="alert" aria-label="InternalError">
          <h2>Something in the lab went wrong</h2>
          <p className="unsupported-reason">{this.state.message}</p>
          <p className="hint">Your settings are in the address: reloading the page runs them again.</p>
          <button type="button" className="button primary" onClick={() => location.reload()}>
            Reload
          </button>
        </section>
      </main>
    );
  }
}
