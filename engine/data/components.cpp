#include "engine/data/components.h"

#include <memory>

#include "base/error.h"
#include "engine/data/xxhash64.h"

namespace cairn::data {

namespace {

// An edge as `at` sees it, on the rank that owns `at`.
struct Edge {
  std::uint64_t place = 0;  // hash of `at`: nodes are spread evenly
  Node at, other;
  auto operator<=>(const Edge&) const = default;
};

Edge edge(const Node& at, const Node& other) {
  return {xxhash64({reinterpret_cast<const char*>(&at.document), sizeof at.document}), at, other};
}

std::uint64_t sum_of(const std::vector<std::string>& counts) {
  std::uint64_t sum = 0;
  for (const std::string& count : counts) sum += std::stoull(count);
  return sum;
}

// Calls fn(at, least, other) for each edge, once, where `least` is the least neighbour of `at`.
template <typename Fn>
void for_each_neighbour(Exchange<Edge>& edges, Fn&& fn) {
  Edge last;
  Node least;
  bool any = false;
  edges.for_each([&](const Edge& e) {
    if (any && e == last) return;
    if (!any || e.at != last.at) least = e.other;
    last = e;
    any = true;
    fn(e.at, least, e.other);
  });
}

}  // namespace

void find_components(const Workbench& bench, const std::function<void(const EdgeFn&)>& edges, const EdgeFn& star) {
  const int ranks = bench.ranks.size();
  const auto exchange = [&](const std::string& name) {
    return std::make_unique<Exchange<Edge>>(bench.in(name, 2), "edges",
                                            [ranks](const Edge& e) { return owner_of_key(e.place, ranks); });
  };
  // The larger node first.
  auto known = exchange("edges-0");
  if (!known->is_sent()) {
    edges([&](const Node& x, const Node& y) {
      if (x < y) known->add(edge(y, x));
      if (y < x) known->add(edge(x, y));
    });
  }
  known->send();
  for (int round = 1;; ++round) {
    // Both ways, so that a node sees all its neighbours.
    std::uint64_t changes = 0;
    auto both = exchange(fmt::format("both-{}", round));
    known->for_each([&](const Edge& e) {
      both->add(e);
      both->add(edge(e.other, e.at));
    });
    both->send();
    auto larger = exchange(fmt::format("larger-{}", round));
    for_each_neighbour(*both, [&](const Node& at, const Node& least, const Node& other) {
      if (other < at) return;
      const Node& to = std::min(at, least);
      larger->add(edge(other, to));
      changes += to != at;
    });
    larger->send();
    both.reset();
    known = exchange(fmt::format("edges-{}", round));
    for_each_neighbour(*larger, [&](const Node& at, const Node& least, const Node& other) {
      known->add(other == least ? edge(at, least) : edge(other, least));
      changes += other != least;
    });
    known->send();
    if (sum_of(bench.share(fmt::format("changes-{}", round), std::to_string(changes))) == 0) break;
  }
  for_each_neighbour(*known, [&](const Node& at, const Node& least, const Node&) { star(at, least); });
}

}  // namespace cairn::data
