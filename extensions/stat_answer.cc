#include "extensions/stat_answer.h"

namespace nestp {
namespace {

/// struct statx, the same in every ABI.
constexpr StatLayout kExtended{.mode = {28, 2}, .links = {16, 4}, .length = {40, 8}};

SysSet set_of(std::initializer_list<Sys> calls) {
  SysSet set;
  for (const Sys sys : calls)
    set.set(static_cast<std::size_t>(sys));
  return set;
}

/// The argument that holds the struct's address.
std::size_t struct_argument(Sys sys) {
  if (sys == Sys::statx) return 4;
  return sys == Sys::newfstatat || sys == Sys::fstatat64 ? 2 : 1;
}

}  // namespace

SysSet stat_by_path_calls() {
  return set_of({Sys::stat, Sys::lstat, Sys::stat64, Sys::lstat64, Sys::oldstat, Sys::oldlstat,
                 Sys::newfstatat, Sys::fstatat64, Sys::statx});
}

SysSet stat_by_descriptor_calls() { return set_of({Sys::fstat, Sys::fstat64, Sys::oldfstat}); }

std::optional<StatAnswer> StatAnswer::of(Call& call) {
  const StatLayout* const layout =
      call.sys == Sys::statx ? &kExtended : stat_layout(*call.abi, call.sys);
  if (layout == nullptr || call.result != 0) return std::nullopt;
  return StatAnswer(call, call.args[struct_argument(call.sys)], *layout);
}

std::uint64_t StatAnswer::read(const StatField& field) const {
  std::uint64_t value = 0;
  const auto bytes = std::as_writable_bytes(std::span(&value, 1)).first(field.size);
  return call_.memory.read(GuestAddress{at_ + field.offset}, bytes) ? value : 0;
}

void StatAnswer::write(const StatField& field, std::uint64_t value) {
  if (field.size < 8 && value >> (8 * field.size) != 0) {
    value = (std::uint64_t{1} << (8 * field.size)) - 1;
  }
  // The kernel has just written there; should it be gone, the guest's own thread did that.
  (void)call_.memory.write(GuestAddress{at_ + field.offset},
                           std::as_bytes(std::span(&value, 1)).first(field.size));
}

std::string descriptor_path(const Call& call) {
  return "/proc/" + std::to_string(call.thread) + "/fd/" +
         std::to_string(static_cast<std::int32_t>(call.args[0]));
}

}  // namespace nestp
