// Connected components of a graph that is larger than memory and lies on several ranks.
//
// Edges are rewritten in rounds until each component is a star around its least node: first every node joins its larger
// neighbours to the least one it knows, then every node joins its smaller neighbours to the least of them (the alternating
// algorithm of Kiveris et al., "Connected components in MapReduce and beyond", 2014). A round sorts the edges twice; there are
// about log2 of the longest chain of them.
#pragma once

#include <cstdint>
#include <functional>

#include "engine/data/document_number.h"
#include "engine/data/exchange.h"

namespace cairn::data {

// A document in the order in which those of a component are preferred: the least represents it.
struct Node {
  std::uint64_t rank = 0;
  DocumentNumber document = 0;
  auto operator<=>(const Node&) const = default;
};

using EdgeFn = std::function<void(const Node&, const Node&)>;

// `edges`: calls its argument for each edge this rank knows (not called again where an earlier attempt sent them). `star`: called
// with each node of which this rank tells and the least node of its component, for those that are not the least.
void find_components(const Workbench& bench, const std::function<void(const EdgeFn&)>& edges, const EdgeFn& star);

}  // namespace cairn::data
