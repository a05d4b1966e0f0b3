#include "extensions/listing.h"

#include <cstring>
#include <dirent.h>
#include <string>

namespace nestp {
namespace {

/// Where a record has what (fs/readdir.c); offsets and sizes in bytes.
struct Layout {
  std::size_t word;       ///< size of the inode; the record's own size lies behind two of them
  std::size_t name;       ///< offset
  bool type_behind_name;  ///< in the record's last byte; else in front of the name
};

Layout layout_of(const Call& call) {
  if (call.sys == Sys::getdents64) return {8, 19, false};
  const std::size_t word = call.abi->word_size;
  return {word, 2 * word + 2, true};
}

std::uint64_t number_at(const std::string& bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data() + at, size);
  return value;
}

/// readdir(2) of i386: one entry a call, without a type.
void change_old_entry(Call& call, const std::function<void(ListedEntry&)>& change) {
  constexpr std::size_t kName = 10, kRoom = kName + NAME_MAX + 1;
  std::string bytes(kRoom, '\0');
  const GuestAddress at{call.args[1]};
  const auto head = std::as_writable_bytes(std::span(bytes)).first(kName);
  if (call.result != 1 || !call.memory.read(at, head)) return;
  const std::uint64_t size = number_at(bytes, 8, 2);
  if (size > NAME_MAX) return;
  const auto name = std::as_writable_bytes(std::span(bytes)).subspan(kName, size);
  if (!call.memory.read(GuestAddress{call.args[1] + kName}, name)) return;
  ListedEntry entry{.name = std::string_view(bytes).substr(kName, size),
                    .inode = number_at(bytes, 0, 4),
                    .type = DT_UNKNOWN};
  change(entry);
  call.repeats = !entry.is_kept;
}

}  // namespace

SysSet listing_calls() {
  SysSet set;
  for (const Sys sys : {Sys::getdents, Sys::getdents64, Sys::readdir})
    set.set(static_cast<std::size_t>(sys));
  return set;
}

void change_listing(Call& call, const std::function<void(ListedEntry&)>& change) {
  if (call.result <= 0) return;
  if (call.sys == Sys::readdir) return change_old_entry(call, change);
  const Layout layout = layout_of(call);
  std::string bytes(static_cast<std::size_t>(call.result), '\0');
  const GuestAddress at{call.args[1]};
  if (!call.memory.read(at, std::as_writable_bytes(std::span(bytes)))) return;
  std::string kept;
  for (std::size_t start = 0; start + layout.name < bytes.size();) {
    const std::uint64_t size = number_at(bytes, start + 2 * layout.word, 2);
    if (size <= layout.name || size > bytes.size() - start) return;  // another thread wrote there
    const std::size_t type = layout.type_behind_name ? start + size - 1 : start + layout.name - 1;
    ListedEntry entry{.name = bytes.c_str() + start + layout.name,
                      .inode = number_at(bytes, start, layout.word),
                      .type = static_cast<std::uint8_t>(bytes[type])};
    change(entry);
    std::memcpy(bytes.data() + start, &entry.inode, layout.word);
    bytes[type] = static_cast<char>(entry.type);
    if (entry.is_kept) kept.append(bytes, start, size);
    start += size;
  }
  if (kept.empty()) {
    call.repeats = true;
    return;
  }
  if (!call.memory.write(at, std::as_bytes(std::span(kept.data(), kept.size())))) return;
  call.result = static_cast<std::int64_t>(kept.size());
}

}  // namespace nestp
