#include "extensions/identity/owner_record.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <sys/sysmacros.h>
#include <utility>

namespace nestp::identity {
namespace {

constexpr std::array<std::pair<mode_t, std::string_view>, 5> kTypes = {{
    {S_IFREG, "file"},
    {S_IFDIR, "dir"},
    {S_IFLNK, "symlink"},
    {S_IFIFO, "pipe"},
    {S_IFSOCK, "socket"},
}};

std::string type_text(const OwnerRecord& record) {
  for (const auto& [type, name] : kTypes) {
    if ((record.mode & S_IFMT) == type) return std::string(name);
  }
  return (S_ISBLK(record.mode) ? "block-" : "char-") + std::to_string(major(record.device)) + "-" +
         std::to_string(minor(record.device));
}

/// Takes a number and the character behind it off `text`.
template <typename Number>
bool take_number(std::string_view& text, Number& number, int base, char end) {
  const auto [stop, failure] =
      std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (failure != std::errc() || stop == text.data()) return false;
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
  if (text.empty()) return true;
  if (text.front() != end) return false;
  text.remove_prefix(1);
  return true;
}

bool take_type(std::string_view text, OwnerRecord& record) {
  for (const auto& [type, name] : kTypes) {
    if (text != name) continue;
    record.mode |= type;
    return true;
  }
  const bool is_block = text.starts_with("block-");
  if (!is_block && !text.starts_with("char-")) return false;
  text.remove_prefix(is_block ? 6 : 5);
  unsigned first = 0;
  unsigned second = 0;
  if (!take_number(text, first, 10, '-') || !take_number(text, second, 10, '-')) return false;
  record.mode |= is_block ? S_IFBLK : S_IFCHR;
  record.device = makedev(first, second);
  return true;
}

}  // namespace

std::string override_text(const OwnerRecord& record) {
  std::array<char, 8> mode{};
  std::snprintf(mode.data(), mode.size(), "%04o", record.mode & 07777U);
  return std::to_string(record.user) + ":" + std::to_string(record.group) + ":" + mode.data() +
         ":" + type_text(record);
}

std::optional<OwnerRecord> parse_override(std::string_view text, mode_t host_mode) {
  OwnerRecord record;
  if (!take_number(text, record.user, 10, ':') || !take_number(text, record.group, 10, ':') ||
      !take_number(text, record.mode, 8, ':')) {
    return std::nullopt;
  }
  // Some writers put the type into the number.
  if ((record.mode & S_IFMT) != 0) return record;
  if (!text.empty()) return take_type(text, record) ? std::optional(record) : std::nullopt;
  record.mode |= host_mode & S_IFMT;
  return record;
}

std::optional<OwnerRecord> parse_rootless(std::string_view bytes, const OwnerRecord& natural) {
  constexpr unsigned char kUserTag = 0x08, kGroupTag = 0x10;
  OwnerRecord record = natural;
  record.user = record.group = 0;  // a field that is 0 is left out
  while (!bytes.empty()) {
    const auto tag = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    std::uint64_t value = 0;
    unsigned shift = 0;
    bool more = true;
    while (more && !bytes.empty() && shift < 64) {
      const auto byte = static_cast<unsigned char>(bytes.front());
      bytes.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7fU} << shift;
      shift += 7;
      more = (byte & 0x80) != 0;
    }
    if (more || (tag != kUserTag && tag != kGroupTag)) return std::nullopt;
    const auto id = static_cast<Id>(value);
    if (id == kNoId) {
      (tag == kUserTag ? record.user : record.group) =
          tag == kUserTag ? natural.user : natural.group;
    } else {
      (tag == kUserTag ? record.user : record.group) = id;
    }
  }
  return record;
}

}  // namespace nestp::identity
