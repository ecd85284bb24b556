// The model card of a release (README.md with a YAML head, as Hugging Face's hub reads it): generated from records alone, so that
// audit can make it again and compare bytes. What no record tells is printed as "to be provided", never guessed.
#pragma once

#include <string>

#include "lineage/release_contents.h"

namespace cairn::lineage {

std::string model_card(const ReleaseContents& contents);

}  // namespace cairn::lineage
