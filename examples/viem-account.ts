import assert from 'node:assert/strict'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import {
  hashMessage, hashTypedData, hexToBytes, keccak256, parseEther, parseGwei, recoverAddress, recoverTransactionAddress, serializeSignature,
  serializeTransaction, toHex, verifyMessage, verifyTypedData,
} from 'viem'
import type { Hash, Hex, TransactionSerializedEIP1559 } from 'viem'
import { publicKeyToAddress, toAccount } from 'viem/accounts'
import type { LocalAccount } from 'viem/accounts'
import { parseIdentityName } from '../src/crypto.ts'
import { identities, identityManagement, localMemory } from '../src/index.ts'
import type { Borrowed, Client } from '../src/index.ts'
import type { Context } from './context.ts'

/** An Ethereum account for viem, whose key stays in a Commitment engine. viem itself checks what it signs, without a network. */
export async function viemAccount({ node, print, sequence }: Context): Promise<void> {
  const im = await node.spawn(identityManagement, { name: 'identity-management', services: { backends: [localMemory()] } })
  const alice = node.client('alice')
  const account = ethereumAccount(alice, await identities(alice, im).generate({ params: 'Secp256k1', format: 'raw', capabilities: 'Commit' }))
  const { address } = account

  const signature = await sequence('Signing a message', () => account.signMessage({ message: 'ship v1' }))
  assert.equal(await verifyMessage({ address, message: 'ship v1', signature }), true)
  assert.equal(await verifyMessage({ address, message: 'ship v2', signature }), false)
  assert.equal(await recoverAddress({ hash: hashMessage('ship v1'), signature }), address)
  print(`Signed by ${address}.`)

  const order = {
    domain: { name: 'Shipping', chainId: 1 }, primaryType: 'Ship', types: { Ship: [{ name: 'version', type: 'uint256' }] }, message: { version: 1n },
  } as const
  const signedOrder = await sequence('Signing typed data', () => account.signTypedData(order))
  assert.equal(await verifyTypedData({ ...order, address, signature: signedOrder }), true)
  assert.equal(await verifyTypedData({ ...order, message: { version: 2n }, address, signature: signedOrder }), false)

  const transaction = { type: 'eip1559', chainId: 1, nonce: 0, to: address, value: parseEther('1'), gas: 21_000n, maxFeePerGas: parseGwei('1') } as const
  const serializedTransaction = await sequence('Signing a transaction', () => account.signTransaction(transaction))
  assert(isEIP1559(serializedTransaction))
  assert.equal(await recoverTransactionAddress({ serializedTransaction }), address)
  print(`A transaction ready to be sent: ${serializedTransaction}`)
}

function isEIP1559(transaction: Hex): transaction is TransactionSerializedEIP1559 {
  return transaction.startsWith('0x02')
}

/** viem's account of an identity with `params` Secp256k1 and format `raw`. */
function ethereumAccount(client: Client, { externalIdentity, commitmentEngine }: Borrowed<'Commit'>): LocalAccount {
  const { sign: key } = parseIdentityName(externalIdentity)
  assert(key?.suite.params === 'Secp256k1')
  const signatureOf = async (hash: Hash) => {
    const { commitment } = await client.ask(commitmentEngine, { type: 'CommitmentRequest', data: hexToBytes(hash), prehashed: true })
    return { r: toHex(commitment.subarray(0, 32)), s: toHex(commitment.subarray(32, 64)), yParity: Number(commitment[64]) }
  }
  const sign = async (hash: Hash) => serializeSignature(await signatureOf(hash))
  return toAccount({
    address: publicKeyToAddress(toHex(secp256k1.Point.fromBytes(key.publicKey).toBytes(false))),
    sign: ({ hash }) => sign(hash),
    signMessage: ({ message }) => sign(hashMessage(message)),
    signTypedData: typedData => sign(hashTypedData(typedData)),
    async signTransaction(transaction, { serializer = serializeTransaction } = {}) {
      // What is signed has no blobs beside it (EIP-4844).
      const signed = await serializer(transaction.type === 'eip4844' ? { ...transaction, sidecars: false } : transaction)
      return serializer(transaction, await signatureOf(keccak256(signed)))
    },
  })
}
