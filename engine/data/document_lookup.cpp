#include "engine/data/document_lookup.h"

#include <atomic>
#include <mutex>
#include <set>

#include "lineage/docmap.h"

namespace cairn::data {

std::map<DocumentName, Document> find_documents(const std::vector<std::filesystem::path>& folders,
                                                const std::vector<DocumentName>& wanted, ThreadPool& threads) {
  const std::set<DocumentName> names(wanted.begin(), wanted.end());
  std::map<DocumentName, Document> found;
  std::mutex mutex;
  std::atomic<bool> all = names.empty();
  for (const std::filesystem::path& folder : folders) {
    if (all) break;
    const DocumentPieces pieces(folder);
    threads.parallel_for(static_cast<std::int64_t>(pieces.size()), [&](std::int64_t piece) {
      if (all) return;
      for (Document& document : pieces.read(static_cast<std::size_t>(piece))) {
        const DocumentName name{lineage::document_digest(document.id), document.url};
        if (!names.contains(name)) continue;
        const std::lock_guard lock(mutex);
        found.try_emplace(name, std::move(document));
        all = found.size() == names.size();
      }
    });
  }
  return found;
}

}  // namespace cairn::data
