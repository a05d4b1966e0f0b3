// JSON as others write it: manifests, settings of registries.  The one file that sees the library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "arch/result.h"

namespace nestp {

/// A value that may be of any kind, or absent; what does not fit reads as empty.
class Json {
 public:
  Json() = default;
  /// Documents are small: what is bigger than 16 MiB is refused.
  static Result<Json> parse(std::string_view text);

  bool exists() const { return value_ != nullptr; }
  Json operator[](std::string_view key) const;
  Json operator[](std::size_t index) const;
  std::size_t size() const;
  std::string text() const;
  std::uint64_t number() const;
  double real() const;
  std::vector<std::string> texts() const;
  std::vector<std::string> keys() const;

 private:
  std::shared_ptr<const void> whole_;  ///< keeps the document
  const void* value_ = nullptr;
};

}  // namespace nestp
