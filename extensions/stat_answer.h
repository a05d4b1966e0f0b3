// What stat(2) and its kin have told a guest, for extensions that change it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "arch/stat_layout.h"
#include "engine/extension.h"

namespace nestp {

/// Of those, the ones that take a path; statx(2) among them.
SysSet stat_by_path_calls();
/// fstat(2) of all ABIs.
SysSet stat_by_descriptor_calls();

/// The struct that such a call has filled.
class StatAnswer {
 public:
  /// None: the call failed, or is none of them.
  static std::optional<StatAnswer> of(Call& call);

  std::uint64_t mode() const { return read(layout_.mode); }
  std::uint64_t links() const { return read(layout_.links); }
  /// A count that the field cannot hold becomes the largest that it can.
  void set_links(std::uint64_t count) { write(layout_.links, count); }
  void set_length(std::uint64_t size) { write(layout_.length, size); }

 private:
  StatAnswer(Call& call, std::uint64_t at, const StatLayout& layout)
      : call_(call), at_(at), layout_(layout) {}
  std::uint64_t read(const StatField& field) const;
  void write(const StatField& field, std::uint64_t value);

  Call& call_;
  std::uint64_t at_;
  const StatLayout& layout_;
};

/// A path by which nestp itself gets to what the call's descriptor, argument 0, stands for.
std::string descriptor_path(const Call& call);

}  // namespace nestp
