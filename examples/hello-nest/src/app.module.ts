import { Controller, Get, Injectable, Module, Param } from '@nestjs/common'

@Injectable()
class Greetings {
  for(name: string): { greeting: string } {
    return { greeting: `Hello ${name}` }
  }
}

@Controller()
class GreetingController {
  constructor(private readonly greetings: Greetings) {}

  @Get()
  all(): { greeting: string } {
    return this.greetings.for('from NestJS')
  }

  @Get(':name')
  one(@Param('name') name: string): { greeting: string } {
    return this.greetings.for(name)
  }
}

@Module({ controllers: [GreetingController], providers: [Greetings] })
export class AppModule {}
