#include "engine/data/suffix_array.h"

#include <algorithm>
#include <limits>

#include "base/error.h"

namespace cairn::data {

namespace {

constexpr std::int32_t kEmpty = -1;

// A suffix is of type S when it is less than the one behind it, else L; the last one, with nothing behind it, is of type L. A
// suffix of type S whose left neighbour is of type L is "leftmost S" (LMS).
template <typename Character>
class InducedSorting {
 public:
  // sa[0, n) receives the result; characters are in [0, alphabet).
  InducedSorting(const Character* text, std::int32_t* sa, std::int32_t n, std::int32_t alphabet)
      : text_(text), sa_(sa), n_(n), ends_(static_cast<std::size_t>(alphabet)) {
    is_s_.resize(static_cast<std::size_t>(n));
    for (std::int32_t i = n - 2; i >= 0; --i) {
      is_s_[static_cast<std::size_t>(i)] =
          text[i] < text[i + 1] || (text[i] == text[i + 1] && is_s_[static_cast<std::size_t>(i) + 1]);
    }
  }

  void sort() {
    // LMS suffixes in the order of the text: inducing from them sorts the substrings from one LMS position to the next.
    std::fill_n(sa_, n_, kEmpty);
    to_bucket_ends();
    for (std::int32_t i = 1; i < n_; ++i) {
      if (is_lms(i)) sa_[--ends_[character(i)]] = i;
    }
    induce();
    const std::int32_t count = sort_lms();
    // Now in their own order: inducing from them sorts all.
    std::fill(sa_ + count, sa_ + n_, kEmpty);
    to_bucket_ends();
    for (std::int32_t i = count; i-- > 0;) {
      const std::int32_t position = sa_[i];
      sa_[i] = kEmpty;
      sa_[--ends_[character(position)]] = position;
    }
    induce();
  }

 private:
  std::size_t character(std::int32_t i) const { return static_cast<std::size_t>(text_[i]); }
  bool is_s(std::int32_t i) const { return is_s_[static_cast<std::size_t>(i)]; }
  bool is_lms(std::int32_t i) const { return i > 0 && is_s(i) && !is_s(i - 1); }

  // Counted anew each time: there may be half as many characters as positions.
  void to_bucket_ends() {
    std::fill(ends_.begin(), ends_.end(), 0);
    for (std::int32_t i = 0; i < n_; ++i) ++ends_[character(i)];
    std::int32_t sum = 0;
    for (std::int32_t& end : ends_) end = sum += end;
  }
  void to_bucket_starts() {
    to_bucket_ends();
    for (std::size_t c = ends_.size(); c-- > 1;) ends_[c] = ends_[c - 1];
    ends_[0] = 0;
  }

  // From LMS suffixes at the ends of their buckets: L suffixes left to right, then S suffixes right to left.
  void induce() {
    to_bucket_starts();
    sa_[ends_[character(n_ - 1)]++] = n_ - 1;  // the suffix behind it is the empty one, less than all
    for (std::int32_t i = 0; i < n_; ++i) {
      const std::int32_t before = sa_[i] - 1;
      if (before >= 0 && !is_s(before)) sa_[ends_[character(before)]++] = before;
    }
    to_bucket_ends();
    for (std::int32_t i = n_; i-- > 0;) {
      const std::int32_t before = sa_[i] - 1;
      if (before >= 0 && is_s(before)) sa_[--ends_[character(before)]] = before;
    }
  }

  // Whether the substrings from LMS positions x and y to the next LMS position are the same.
  bool same_substring(std::int32_t x, std::int32_t y) const {
    for (std::int32_t d = 0;; ++d) {
      if (x + d == n_ || y + d == n_) return false;  // one ends with the text: nothing else does
      if (text_[x + d] != text_[y + d] || is_s(x + d) != is_s(y + d)) return false;
      if (d > 0 && (is_lms(x + d) || is_lms(y + d))) return is_lms(x + d) && is_lms(y + d);
    }
  }

  // sa_[0, count) becomes the LMS suffixes in order, by the suffix array of the names of their substrings. Works inside sa_.
  std::int32_t sort_lms() {
    std::int32_t count = 0;
    for (std::int32_t i = 0; i < n_; ++i) {
      if (is_lms(sa_[i])) sa_[count++] = sa_[i];
    }
    // LMS positions are at least two apart, so half of a position finds the place of its name.
    std::int32_t* const names = sa_ + count;
    std::fill(names, sa_ + n_, kEmpty);
    std::int32_t name = 0;
    for (std::int32_t i = 0; i < count; ++i) {
      if (i > 0 && !same_substring(sa_[i - 1], sa_[i])) ++name;
      names[sa_[i] / 2] = name;
    }
    std::int32_t* const reduced = sa_ + n_ - count;
    for (std::int32_t from = n_ - 1, to = n_ - 1; from >= count; --from) {
      if (sa_[from] != kEmpty) sa_[to--] = sa_[from];
    }
    if (count > 0 && name + 1 < count) {
      InducedSorting<std::int32_t>(reduced, sa_, count, name + 1).sort();
    } else {
      for (std::int32_t i = 0; i < count; ++i) sa_[reduced[i]] = i;
    }
    // The names are done with; their place takes the positions in text order.
    std::int32_t next = 0;
    for (std::int32_t i = 1; i < n_; ++i) {
      if (is_lms(i)) reduced[next++] = i;
    }
    for (std::int32_t i = 0; i < count; ++i) sa_[i] = reduced[sa_[i]];
    return count;
  }

  const Character* text_;
  std::int32_t* sa_;
  std::int32_t n_;
  std::vector<bool> is_s_;
  std::vector<std::int32_t> ends_;  // of the buckets, one for each character: where the next suffix is put
};

}  // namespace

std::vector<std::uint32_t> suffix_array(std::string_view text) {
  if (text.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()) - 1)
    fail("a suffix array of {} bytes; at most 2^31 - 2 are possible", text.size());
  std::vector<std::uint32_t> sa(text.size());
  if (text.empty()) return sa;
  InducedSorting<unsigned char>(reinterpret_cast<const unsigned char*>(text.data()), reinterpret_cast<std::int32_t*>(sa.data()),
                                static_cast<std::int32_t>(text.size()), 256)
      .sort();
  return sa;
}

}  // namespace cairn::data
