import { Argument, type Command } from "commander";
import type { Host } from "../../host.ts";
import { examples } from "../command.ts";
import { SCRIPTS } from "../completion/scripts.ts";

export function addCompletion(command: Command, host: Host): void {
  command
    .addArgument(new Argument("<shell>", "shell that loads the script").choices(Object.keys(SCRIPTS)))
    .addHelpText("after", examples("completion bash"))
    .action((shell: keyof typeof SCRIPTS) => {
      host.stdout.write(SCRIPTS[shell]);
    });
}
