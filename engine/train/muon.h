// Muon: momentum made orthogonal, for weights of two dimensions inside blocks (Jordan et al. 2024,
// kellerjordan.github.io/posts/muon).
//
//   b = mu b + (1 - mu) g;   u = (1 - mu) g + mu b (Nesterov), or b
//   o = newton_schulz(u):    x = u / max(|u|, 1e-7), five times x = a x + (b A + c A^2) x with A = x x^T,
//                            (a, b, c) = (3.4445, -4.7750, 2.0315); works on the transpose where rows > columns
//   p -= lr * wd * p;        p -= lr * scale(rows, columns) * o
//
// As torch.optim.Muon, but products are in the type of the parameters, not in bfloat16.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/arena.h"
#include "kernels/ops.h"

namespace cairn::train {

struct MuonOptions {
  enum class Scale {
    rms,       // 0.2 sqrt(max(rows, columns)): updates as large as AdamW's, so that its rate and decay serve both (Liu et al.
               // 2025, "Muon is scalable for LLM training")
    original,  // sqrt(max(1, rows / columns)) (Jordan)
  };

  double momentum = 0.95;  // mu
  bool nesterov = true;
  int iterations = 5;
  Scale scale = Scale::rms;
};

MuonOptions::Scale muon_scale(const std::string& name);  // "rms", "original"; Error (usage)
double muon_factor(MuonOptions::Scale scale, std::int64_t rows, std::int64_t columns);

// Memory for matrices of at most `elements` elements whose shorter side is at most `side`.
struct MuonScratch {
  Tensor update, next;   // [elements]
  Tensor gram, product;  // [side * side]
};

// u becomes nearly orthogonal, in place; u [rows, columns].
void newton_schulz(Context& context, Tensor u, int iterations, const MuonScratch& scratch);

// One step on p, momentum and g [rows, columns], with g counting as gradient_scale * g. The momentum may be bfloat16.
void muon_update(Context& context, Tensor p, Tensor momentum, Tensor g, const MuonOptions& options, double lr,
                 double weight_decay, double gradient_scale, const MuonScratch& scratch);

}  // namespace cairn::train
