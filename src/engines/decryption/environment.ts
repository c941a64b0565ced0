/** A Decryption engine remembers nothing: the key is its resource, and each request stands for itself. */
export interface DecryptionEnvironment {}

export function decryptionEnvironment(): DecryptionEnvironment {
  return {}
}
