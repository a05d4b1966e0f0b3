#include "extensions/identity/access_list.h"

#include <cstdint>
#include <cstring>

namespace nestp::identity {
namespace {

// struct posix_acl_xattr_header and posix_acl_xattr_entry of <linux/posix_acl_xattr.h>.
constexpr std::size_t kHead = 4;
constexpr std::uint32_t kVersion = 2;
struct Line {
  std::uint16_t tag = 0, bits = 0;
  std::uint32_t id = 0;
};
enum Tag : std::uint16_t {
  owner = 1,
  named_user = 2,
  group = 4,
  named_group = 8,
  mask = 0x10,
  others = 0x20
};

bool is_list(std::string_view list) {
  std::uint32_t version = 0;
  if (list.size() <= kHead || (list.size() - kHead) % sizeof(Line) != 0) return false;
  std::memcpy(&version, list.data(), sizeof version);
  return version == kVersion;
}

Line line_at(std::string_view list, std::size_t at) {
  Line line;
  std::memcpy(&line, list.data() + at, sizeof line);
  return line;
}

/// Bits of the line with this tag.
std::optional<mode_t> bits_of(std::string_view list, Tag tag) {
  for (std::size_t at = kHead; at < list.size(); at += sizeof(Line)) {
    if (const Line line = line_at(list, at); line.tag == tag) return line.bits & 7U;
  }
  return std::nullopt;
}

}  // namespace

std::optional<mode_t> mode_of_list(std::string_view list) {
  if (!is_list(list)) return std::nullopt;
  const auto of_owner = bits_of(list, owner);
  const auto of_mask = bits_of(list, mask);
  const auto of_group = of_mask ? of_mask : bits_of(list, group);
  const auto of_others = bits_of(list, others);
  if (!of_owner || !of_group || !of_others) return std::nullopt;
  return *of_owner << 6 | *of_group << 3 | *of_others;
}

bool is_plain_list(std::string_view list) {
  constexpr std::size_t kLines = 3;
  return mode_of_list(list) && list.size() == kHead + kLines * sizeof(Line) && !bits_of(list, mask);
}

unsigned bits_by_list(std::string_view list, const Credentials& who, Id file_group, unsigned wish) {
  if (!is_list(list)) return 0;
  const unsigned most = bits_of(list, mask).value_or(7);
  bool is_member = false;
  unsigned of_others = 0;
  for (std::size_t at = kHead; at < list.size(); at += sizeof(Line)) {
    const Line line = line_at(list, at);
    if (line.tag == named_user && line.id == who.user.file_system) return line.bits & most;
    const bool is_group = (line.tag == group && who.is_in_group(file_group)) ||
                          (line.tag == named_group && who.is_in_group(line.id));
    is_member = is_member || is_group;
    if (is_group && (wish & ~unsigned{line.bits}) == 0) return line.bits & most;
    if (line.tag == others) of_others = line.bits;
  }
  return is_member ? 0 : of_others;
}

std::string with_owner_bits(std::string list, mode_t mode) {
  if (!is_list(list)) return list;
  for (std::size_t at = kHead; at < list.size(); at += sizeof(Line)) {
    Line line = line_at(list, at);
    if (line.tag != owner) continue;
    line.bits = static_cast<std::uint16_t>(mode >> 6 & 7U);
    std::memcpy(list.data() + at, &line, sizeof line);
  }
  return list;
}

}  // namespace nestp::identity
