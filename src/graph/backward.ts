// Reverse-mode differentiation: the gradient of a scalar is another graph, built from the ops' vector-Jacobian products.
// Nothing is computed here; the engine runs forward and backward as one graph.

import { GraphError } from "../base/errors.ts";
import { constant, zerosLike } from "./ops/broadcast.ts";
import { add } from "./ops/elementwise.ts";
import { formatShape } from "./shape.ts";
import { atPlace, keyOf, type Node, nodesOf, scope, type Tensor } from "./tensor.ts";

/**
 * The gradient of `loss` (a scalar) with respect to each of `wrt`; zeros where the loss does not depend on it. Gradients are graphs
 * like any other and can be differentiated again, except through ops with inner outputs.
 */
export function gradients(loss: Tensor, wrt: readonly Tensor[]): readonly Tensor[] {
  if (loss.shape.length !== 0) throw new GraphError(`gradients: the loss must be a scalar, got ${formatShape(loss.shape)}; sum it first`);
  const nodes = nodesOf([loss]);
  const relevant = dependants(nodes, wrt);
  const grads = new Map<string, Tensor>([[keyOf(loss), constant(1)]]);
  for (const node of nodes.reverse()) {
    if (!relevant.has(node.id) || node.op.vjp === undefined) continue;
    const outGrads = node.outputs.map((output) => grads.get(keyOf(output)));
    if (outGrads.every((grad) => grad === undefined)) continue;
    if (node.op.innerOutputs?.some((output) => outGrads[output] !== undefined)) {
      throw new GraphError(`gradients: ${node.op.name} has no second derivative${atPlace(node.place)}; stop the gradient before it`);
    }
    const complete = outGrads.map((grad, i) => grad ?? zerosLike(node.outputs[i]!));
    const inputGrads = scope(`d(${node.place})`, () =>
      node.op.vjp!({ inputs: node.inputs, outs: node.outputs, grads: complete, attributes: node.attributes }),
    );
    node.inputs.forEach((tensor, i) => {
      const grad = inputGrads[i];
      if (grad !== undefined && relevant.has(tensor.node.id)) accumulate(grads, { tensor, grad });
    });
  }
  return wrt.map((tensor) => grads.get(keyOf(tensor)) ?? zerosLike(tensor));
}

/** Ids of the nodes through which `wrt` can reach the end of `nodes`. */
function dependants(nodes: readonly Node[], wrt: readonly Tensor[]): ReadonlySet<number> {
  const relevant = new Set(wrt.map((tensor) => tensor.node.id));
  for (const node of nodes) {
    if (node.op.vjp !== undefined && node.inputs.some((input) => relevant.has(input.node.id))) relevant.add(node.id);
  }
  return relevant;
}

function accumulate(grads: Map<string, Tensor>, { tensor, grad }: { tensor: Tensor; grad: Tensor }): void {
  const known = grads.get(keyOf(tensor));
  grads.set(keyOf(tensor), known === undefined ? grad : add(known, grad));
}
