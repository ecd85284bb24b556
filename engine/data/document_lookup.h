// The texts of a few documents out of folders of many: read in parallel, and no further than the last of them.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/thread_pool.h"
#include "engine/data/document.h"

namespace cairn::data {

// A document by the digest of its text as ingested, and its address.
using DocumentName = std::pair<Digest, std::string>;

// Of `wanted`, those that stand in one of the folders of documents; where one stands twice, either (their texts are the same, as
// far as no step has edited them).
std::map<DocumentName, Document> find_documents(const std::vector<std::filesystem::path>& folders,
                                                const std::vector<DocumentName>& wanted, ThreadPool& threads);

}  // namespace cairn::data
