// getdents(2): what is listed with a type that only its record knows.
//
// Such files, placeholders of devices mostly, are rare.  A directory that holds or held one has a
// note of it (owned_files.h), so that all others cost nothing but to see that they have none.
#include <dirent.h>
#include <sys/stat.h>

#include "extensions/identity/world.h"
#include "extensions/listing.h"

namespace nestp::identity {
namespace {

Entry list_directory(World& world, Call& call) {
  const CallObject object = descriptor_object(call, call.args[0]);
  const auto directory = world.look(call, object);
  if (!directory || !world.files.lists_other_types(*directory)) return Entry::proceed;
  return at_exit(world, call, [&world, host = object.host](Call& ended) {
    change_listing(ended, [&world, &host](ListedEntry& entry) {
      if (entry.type != DT_REG) return;
      const auto file = world.files.look(host + "/" + std::string(entry.name), false);
      if (file) entry.type = static_cast<std::uint8_t>(IFTODT(file->record.mode));
    });
  });
}

constexpr Route kRoutes[] = {
    {Sys::getdents, list_directory},
    {Sys::getdents64, list_directory},
};

}  // namespace

std::span<const Route> listing_routes() { return kRoutes; }

}  // namespace nestp::identity
