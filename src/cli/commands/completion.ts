import { Argument, type Command } from "commander";
import type { Host } from "../../host.ts";
import { SCRIPTS } from "../completion/scripts.ts";

export function addCompletion(command: Command, host: Host): void {
  command
    .addArgument(new Argument("<shell>", "shell that loads the script").choices(Object.keys(SCRIPTS)))
    .action((shell: keyof typeof SCRIPTS) => {
      host.stdout.write(SCRIPTS[shell]);
    });
}
