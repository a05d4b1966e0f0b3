// The gate's images as files that can be executed: one for each width, that of 32 bits once a
// program needs it.
#pragma once

#include <string>
#include <utility>

#include "arch/abi.h"
#include "arch/result.h"
#include "fs/fd.h"

namespace nestp {

class LoaderImages {
 public:
  /// In memory where the kernel has memfd_create(2), else as unlinked files in
  /// `directory` (empty: TMPDIR or /tmp).
  static Result<LoaderImages> make(const std::string& directory);

  /// Descriptor of the image that runs programs of `abi`, in this process.
  Result<int> descriptor(const Abi& abi) const;

 private:
  explicit LoaderImages(std::string place) : place_(std::move(place)) {}

  std::string place_;
  UniqueFd wide_;
  mutable UniqueFd narrow_;
};

}  // namespace nestp
