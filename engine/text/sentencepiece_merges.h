// How SentencePiece's scores order its pieces.
#pragma once

#include <vector>

#include "engine/text/rank_file.h"
#include "engine/text/sentencepiece_file.h"

namespace cairn::text {

// BPE: every pair of pieces that together are a piece, the highest score first; equal scores have equal ranks.
std::vector<RankedMerge> sentencepiece_merges(const SentencePieceFile& file);

// Unigram: the score that a piece counts with. User-defined symbols have one that makes sure that they are taken.
double sentencepiece_score(const SentencePieceFile& file, TokenId id);
// The lowest score of normal pieces.
float lowest_score(const SentencePieceFile& file);

}  // namespace cairn::text
