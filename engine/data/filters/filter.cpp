#include "engine/data/filters/filter.h"

#include "base/json.h"

namespace cairn::data {

Field unspaced_field() {
  return field("unspaced", string().one_of({"letters", "whole"}).def("letters"),
               "scripts without spaces: each letter a word, n-grams twice as long; or runs whole, as datatrove's English words");
}

Unspaced read_unspaced(const Config& config) {
  return config.string("unspaced") == "whole" ? Unspaced::whole : Unspaced::letters;
}

}  // namespace cairn::data
