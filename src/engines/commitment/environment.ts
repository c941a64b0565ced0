/** A Commitment engine remembers nothing: the key is its resource, and each request stands for itself. */
export interface CommitmentEnvironment {}

export function commitmentEnvironment(): CommitmentEnvironment {
  return {}
}
