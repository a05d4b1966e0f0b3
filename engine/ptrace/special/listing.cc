// Listings of directories that hold mount points their file system lacks.
//
// The kernel lists its own entries first; when it has no more, the missing names
// follow.  How far a descriptor's listing has come is counted a process, for the
// kernel keeps no place behind its last entry.
#include <cerrno>
#include <cstring>
#include <dirent.h>

#include "engine/ptrace/special/special.h"
#include "engine/ptrace/tracer.h"
#include "fs/fd.h"

namespace nestp {
namespace {

struct Entry {
  std::string name;
  std::uint64_t inode;
  std::uint8_t type;  ///< DT_*
};

std::vector<Entry> missing_entries(CallFrame& frame, int descriptor) {
  Tracer& tracer = frame.tracer();
  const View& view = tracer.view(frame.thread());
  std::vector<Entry> entries;
  if (!view.has_unlisted()) return entries;
  const Tracer::Directory directory = tracer.descriptor_directory(frame.thread(), descriptor);
  if (!directory.guest) return entries;
  for (const Binding* binding : view.unlisted_in(*directory.guest)) {
    const std::string name(binding->guest.name());
    if (lstat_of(directory.host + "/" + name)) continue;  // made in the meantime
    const auto status = lstat_of(binding->host.text());
    const std::uint64_t inode = status ? status->st_ino : 1;
    const std::uint8_t type =
        status ? static_cast<std::uint8_t>(IFTODT(status->st_mode)) : std::uint8_t{DT_UNKNOWN};
    entries.push_back({name, inode, type});
  }
  return entries;
}

/// How one of the three calls lays an entry out (fs/readdir.c).
struct Layout {
  std::size_t word;       ///< bytes of the inode, and of the offset
  bool type_behind_name;  ///< in the record's last byte; else in front of the name
  std::size_t alignment;
};

Layout layout_of(const CallFrame& frame) {
  if (frame.sys() == Sys::getdents64) return {8, false, 8};
  const std::size_t word = frame.abi().word_size;
  return {word, true, word};
}

template <typename Value>
void append_number(std::string& text, Value value, std::size_t size) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  text.append(bytes, size);
}

std::string record_of(const Entry& entry, const Layout& layout, std::uint64_t offset) {
  const std::size_t head = 2 * layout.word + 2 + (layout.type_behind_name ? 0 : 1);
  const std::size_t tail = layout.type_behind_name ? 2 : 1;
  const std::size_t size = (head + entry.name.size() + tail + layout.alignment - 1) /
                           layout.alignment * layout.alignment;
  std::string record;
  append_number(record, entry.inode, layout.word);
  append_number(record, offset, layout.word);
  append_number(record, static_cast<std::uint16_t>(size), 2);
  if (!layout.type_behind_name) record += static_cast<char>(entry.type);
  record += entry.name;
  record.resize(size);
  if (layout.type_behind_name) record.back() = static_cast<char>(entry.type);
  return record;
}

/// Where the kernel's own entries end: telldir(3) behind an invented one leads there.
std::uint64_t end_offset(const CallFrame& frame, int descriptor) {
  const auto info = read_file("/proc/" + std::to_string(frame.thread().id) + "/fdinfo/" +
                              std::to_string(descriptor));
  if (!info || !info->starts_with("pos:")) return 0;
  return std::strtoull(info->c_str() + 4, nullptr, 10);
}

void write_answer(CallFrame& frame, std::string_view bytes, std::int64_t result) {
  const auto done = frame.memory().write(GuestAddress{frame.thread().call_registers.arg(1)},
                                         std::as_bytes(std::span(bytes.data(), bytes.size())));
  frame.set_result(done ? result : -done.error().code());
}

/// As many of the entries from `next` on as fit.
void append_entries(CallFrame& frame, const std::vector<Entry>& entries, std::size_t& next) {
  const auto room = static_cast<std::uint32_t>(frame.thread().call_registers.arg(2));
  const int descriptor = static_cast<int>(frame.thread().call_registers.arg(0));
  const std::uint64_t offset = end_offset(frame, descriptor);
  std::string records;
  const std::size_t first = next;
  for (; next < entries.size(); ++next) {
    const std::string record = record_of(entries[next], layout_of(frame), offset);
    if (records.size() + record.size() > room) break;
    records += record;
  }
  if (next == first) return frame.set_result(-EINVAL);
  write_answer(frame, records, static_cast<std::int64_t>(records.size()));
}

/// readdir(2) of i386: one entry a call (fs/readdir.c, old_readdir).
void append_old_entry(CallFrame& frame, const Entry& entry) {
  std::string record;
  append_number(record, entry.inode, 4);
  append_number(record, std::uint32_t{0}, 4);
  append_number(record, static_cast<std::uint16_t>(entry.name.size()), 2);
  record.append(entry.name.c_str(), entry.name.size() + 1);
  write_answer(frame, record, 1);
}

void at_end_of_listing(CallFrame& frame, const std::vector<Entry>& entries) {
  const int descriptor = static_cast<int>(frame.thread().call_registers.arg(0));
  auto& listings = frame.thread().process->listings;
  if (frame.result() != 0) {
    listings.erase(descriptor);  // it starts, or goes on, with the kernel's own
    return;
  }
  std::size_t& next = listings[descriptor];
  if (next >= entries.size()) return;
  if (frame.sys() == Sys::readdir) return append_old_entry(frame, entries[next++]);
  append_entries(frame, entries, next);
}

}  // namespace

void special_listing(CallFrame& frame) {
  auto entries = missing_entries(frame, frame.descriptor(0));
  if (entries.empty()) return;
  frame.at_exit([entries = std::move(entries)](CallFrame& at) { at_end_of_listing(at, entries); });
}

}  // namespace nestp
